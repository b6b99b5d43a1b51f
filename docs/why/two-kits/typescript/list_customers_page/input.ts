export type ListCustomersPageInput = {
  size: number;
  skip: number;
};
