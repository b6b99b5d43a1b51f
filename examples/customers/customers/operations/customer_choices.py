"""The customers, for a drop-down."""

from jackfield import Choice, Http

from customers.connector import customers
from customers.operations.list_customers import CustomerQuery, list_customers


@customers.choices
def customer_choices(http: Http) -> list[Choice]:
    """Customers by name."""
    page = list_customers(CustomerQuery(limit=100), http)
    return [{"text": customer["name"], "value": customer["id"]} for customer in page["customers"]]
