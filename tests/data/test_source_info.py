from __future__ import annotations

import inspect

from evalkit.data import SourceInfo
from evalkit.data.source_info import calling_site


def test_the_calling_site_is_the_users_line():
    line = inspect.currentframe().f_lineno + 1  # type: ignore[union-attr]
    assert calling_site() == SourceInfo(__file__, line)


def test_for_class():
    class Local:
        pass

    info = SourceInfo.for_class(Local)
    assert info.file_path == __file__
    assert info.has_meaningful_info()


def test_a_builtin_class_has_no_place():
    info = SourceInfo.for_class(int)
    assert not info.has_meaningful_info()
    assert str(info) == "an unknown place"
