export type CallFunctionInput = {
  /**
   * @title Function
   * @description Its name in the app's Cloud Code.
   * @pattern ^\w+$
   */
  name: string;
  /**
   * @title Arguments
   * @format code
   * @advanced true
   */
  arguments?: object;
};
