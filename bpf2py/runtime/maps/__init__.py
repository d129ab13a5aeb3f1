"""Maps: a class per family, chosen by the kernel's map type (``kinds``).

In: a :class:`MapHandle` and codecs.  Out: Python objects that read and write the map.  Ring
buffers are in ``events``.  Every load makes handles and hardly any needs all families, so the
classes are not imported here: ``bpf2py.runtime`` has them by name.
"""

from __future__ import annotations

from .handle import MapHandle

__all__ = ["MapHandle"]
