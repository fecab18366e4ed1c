"""What the files beside a mail are, told by their content."""

from awizo.documents.inspector import Inspector

__all__ = ["Inspector"]
