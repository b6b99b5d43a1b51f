export type GetCustomerInput = {
  /**
   * @title Customer
   * @lookupOperation customer_choices
   * @lookupInput {}
   * @lookupAuthRequired true
   */
  customer_id: string;
};
