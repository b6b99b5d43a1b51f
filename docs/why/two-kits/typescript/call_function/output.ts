export type CallFunctionOutput = {
  result: unknown;
};
