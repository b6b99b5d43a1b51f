export type ListCustomersInput = {
  /**
   * @title How many at most
   * @minimum 1
   * @maximum 10000
   * @default 100
   */
  limit?: number;
  /**
   * @title Batch size
   * @description How many to ask the server for at a time.
   * @minimum 1
   * @maximum 1000
   * @default 100
   * @advanced true
   */
  batch_size?: number;
};
