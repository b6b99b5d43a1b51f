"""Where the customers are kept, and how one signs in there."""

from jackfield import Basic, Connector

customers = Connector("{server}/v1/buckets/default/collections/customers", sign_in=Basic())
