"""The constructs with words of their own, by their names, in the order of the documentation."""

from cdp.conditions.forms.aggregates import AGGREGATES
from cdp.conditions.forms.base import Form
from cdp.conditions.forms.changed import CHANGED
from cdp.conditions.forms.lists import LIST
from cdp.conditions.forms.performed import FOLLOWED, PERFORMED
from cdp.conditions.forms.sequence import SEQUENCE
from cdp.conditions.forms.times import NOW, START_OF

ALL_FORMS = (*AGGREGATES, PERFORMED, FOLLOWED, SEQUENCE, CHANGED, LIST, NOW, START_OF)
FORMS: dict[str, Form] = {name: form for form in ALL_FORMS for name in form.names}
#: By node, whatever its name: all aggregates share their faces.
BY_NODE: dict[type, Form] = {form.node: form for form in reversed(ALL_FORMS)}

__all__ = ["ALL_FORMS", "BY_NODE", "FORMS", "Form"]
