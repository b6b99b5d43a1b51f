export type CustomerChoicesInput = {
  search?: string;
};
