"""Where the catalogue is. It is open: nobody signs in."""

from dataclasses import dataclass
from typing import Annotated

from jackfield import Connector, Field


@dataclass
class Catalogue:
    catalogue: Annotated[
        str, Field(title="Catalogue", description="The address its owner gives for CSW, without what follows a ?.")
    ]


map_catalogue = Connector("{catalogue}", user_data=Catalogue)
