"""The house rules that a machine can check. A failure names file and line, and says the rule."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("evalkit", "tasks", "feature_converters")
LIBRARY = sorted(
    path
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*.py")
    if not any(parent.is_symlink() for parent in path.parents)
)
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# A room may import those of lower rank, and itself. A new room gets its line here, and in DESIGN.md.
RANKS = {
    "errors": 0,
    "columns": 1,
    "transforms": 1,
    "vocabularies": 2,
    "metrics": 2,
    "converter": 3,
    "inference": 3,
    "data": 4,
    "sampling": 4,
    "preprocessors": 5,
    "loggers": 5,
    "derived": 6,
    "evaluation": 6,
    "evaluations": 7,
    "feature_converters": 7,
    "tasks": 7,
    "caching": 7,
    "testing": 8,
    "training": 8,
    "demo": 9,
    "compat": 9,
    "cli": 10,
}
# May be imported where they are used: three extras, and two that one metric each needs and that take a while to load.
IN_FUNCTIONS = {"openai", "tensorflow_text", "tokenizers", "sacrebleu", "rouge_score"}
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 50

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def module_name(path: Path) -> str:
    """The name under which `path` is imported: `tasks/gsm8k.py` is `evalkit.tasks.gsm8k`."""
    parts = list(path.relative_to(ROOT).with_suffix("").parts)
    if parts[0] in ("tasks", "feature_converters"):
        parts.insert(0, "evalkit")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts)


MODULES = {module_name(path): path for path in LIBRARY}


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def where(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def imports_in(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, ast.AST]]:
    """Every module that `nodes` import, with the statement; `from a import b` is `a.b` where that is a module."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full if full in MODULES else node.module), node


def runtime_nodes(tree: ast.Module) -> Iterator[ast.AST]:
    """All nodes but those under `if TYPE_CHECKING:`, which no interpreter runs."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING")):
                stack.append(child)


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def evalkit_imports(path: Path) -> Iterator[tuple[str, ast.AST]]:
    for module, node in imports_in(runtime_nodes(tree_of(path))):
        if module.split(".")[0] == "evalkit" and module != "evalkit":
            yield module, node


def docstring_lines(node: Function) -> int:
    first = node.body[0]
    return first.end_lineno - first.lineno + 1 if ast.get_docstring(node) else 0  # type: ignore[operator]


# --- imports ---------------------------------------------------------------------------------------------------------


def test_every_room_has_a_rank():
    rooms = {room_of(name) for name in MODULES} - {""}
    assert rooms <= set(RANKS), f"Rooms without a rank in RANKS: {sorted(rooms - set(RANKS))}."


def test_imports_go_one_way():
    wrong = [
        f"{where(path, node)}: {room_of(name)} imports {module}"
        for name, path in MODULES.items()
        for module, node in evalkit_imports(path)
        if room_of(name)  # evalkit/__init__.py loads the public names on first use
        and room_of(name) != room_of(module)
        and RANKS[room_of(module)] >= RANKS[room_of(name)]
    ]
    assert not wrong, "\n".join(wrong)


def test_there_are_no_import_cycles():
    graph = {
        name: {module for module, _ in evalkit_imports(path) if module in MODULES and module != name}
        for name, path in MODULES.items()
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for following in sorted(graph[name]):
                visit(following, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_imports_are_absolute_and_stand_at_the_top():
    wrong = []
    for path in LIBRARY:
        nodes = ast.walk(tree_of(path))
        wrong += [where(path, node) for node in nodes if isinstance(node, ast.ImportFrom) and node.level]
        for function in functions(path):
            for module, node in imports_in(ast.walk(function)):
                if module.split(".")[0] not in IN_FUNCTIONS:
                    wrong.append(f"{where(path, node)}: {module} inside {function.name}()")
    assert not wrong, "\n".join(wrong)


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a fresh interpreter in the root of the checkout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))}
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


def test_import_evalkit_is_light():
    """No TensorFlow, no JAX, and at most half a second of CPU time over what the interpreter itself takes."""
    code = (
        "import sys, time; start = time.process_time(); import evalkit; cost = time.process_time() - start\n"
        "print(cost, sorted({'tensorflow', 'jax', 'flax'} & set(sys.modules)))"
    )
    result = run_python(code)
    assert result.returncode == 0, result.stderr
    cost, heavy = result.stdout.split(maxsplit=1)
    assert heavy.strip() == "[]"
    assert float(cost) <= 0.5


@pytest.mark.parametrize("folder", ["tasks", "feature_converters"])
def test_bare_names_are_refused(folder):
    """A second import under another name would register everything twice."""
    result = run_python(f"import {folder}")
    assert result.returncode != 0
    assert f"evalkit.{folder}" in result.stderr.splitlines()[-1]


# --- sizes and names -------------------------------------------------------------------------------------------------


def test_no_file_is_long():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in [*LIBRARY, *TESTS]}
    long = [f"{path.relative_to(ROOT)}: {lines}" for path, lines in lengths.items() if lines > MAX_FILE_LINES]
    assert not long, "\n".join(long)


def test_no_function_is_long():
    wrong = []
    for path in LIBRARY:
        for node in functions(path):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1 - docstring_lines(node)
            if lines > MAX_FUNCTION_LINES:
                wrong.append(f"{where(path, node)}: {node.name} has {lines} lines")
    assert not wrong, "\n".join(wrong)


def test_no_module_is_named_for_nothing():
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "base"}
    assert not [str(path.relative_to(ROOT)) for path in [*LIBRARY, *TESTS] if path.stem in vague]


# --- documentation ---------------------------------------------------------------------------------------------------


def undocumented(path: Path) -> Iterator[str]:
    """The public module, classes, functions and methods of `path` that have no docstring."""
    tree = tree_of(path)
    if not ast.get_docstring(tree):
        yield f"{path.relative_to(ROOT)}: the module"
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    holders: list[ast.Module | ast.ClassDef] = [tree, *classes]
    for holder in holders:
        for node in holder.body:
            if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
                continue
            decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
            if not decorators & {"overload", "override", "setter"} and not ast.get_docstring(node):
                yield f"{where(path, node)}: {node.name}"


def test_everything_public_is_documented():
    missing = [line for path in LIBRARY for line in undocumented(path)]
    assert not missing, "\n".join(missing)


# --- conduct ---------------------------------------------------------------------------------------------------------


def swallows(handler: ast.ExceptHandler) -> bool:
    """Whether `handler` catches everything and does not raise."""
    caught = [] if handler.type is None else [node for node in ast.walk(handler.type) if isinstance(node, ast.Name)]
    broad = handler.type is None or any(node.id in ("Exception", "BaseException") for node in caught)
    return broad and not any(isinstance(node, ast.Raise) for node in ast.walk(handler))


def test_broad_excepts_raise_again_or_say_why():
    """Where a user's function fails beside others, the failure is kept for later: `# noqa: BLE001 - why`."""
    wrong = []
    for path in LIBRARY:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and swallows(node):
                reason = lines[node.lineno - 1].partition("noqa: BLE001")[2]
                if len(reason.strip(" -")) < 10:
                    wrong.append(where(path, node))
    assert not wrong, "\n".join(wrong)


def test_only_the_command_line_prints():
    wrong = [
        where(path, node)
        for path in LIBRARY
        if room_of(module_name(path)) != "cli"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, "\n".join(wrong)


def test_users_are_never_met_with_an_assert():
    wrong = [where(path, n) for path in LIBRARY for n in ast.walk(tree_of(path)) if isinstance(n, ast.Assert)]
    assert not wrong, "\n".join(wrong)
