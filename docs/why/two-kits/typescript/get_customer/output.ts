export type GetCustomerOutput = {
  objectId: string;
  name?: string;
  email?: string;
  city?: string;
  createdAt?: string;
  updatedAt?: string;
};
