"""The door of the command line: commands, help, wrong usage, and how errors are shown."""

from __future__ import annotations

import subprocess
import sys

import pytest

from evalkit.cli.main import COMMANDS, message_of
from evalkit.errors import EvaluationError, MetricError, with_remedy


def test_help_lists_the_commands_with_examples(evalkit_command):
    for arguments in ((), ("--help",), ("help",)):
        result = evalkit_command(*arguments)
        assert result.status == 0
        assert "examples:" in result.out
        for command in COMMANDS:
            assert f"  {command} " in result.out


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_of_a_command_has_flags_and_examples(evalkit_command, command, flag):
    result = evalkit_command(command, flag)
    assert result.status == 0
    assert f"evalkit {command}" in result.out
    assert "examples:" in result.out
    assert "--[no]debug" in result.out


def test_help_does_not_wait_for_tensorflow():
    code = (
        "import sys\nfrom evalkit import cli\n"
        "try:\n    cli.main(['evalkit', '--help'])\n"
        "except SystemExit:\n    print('loaded:', sorted({'tensorflow', 'jax'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "loaded: []" in result.stdout, result.stderr


def test_the_version_is_shown(evalkit_command):
    assert evalkit_command("--version").out.strip() == "0.1.0"


def test_an_unknown_command_is_answered_with_the_nearest(evalkit_command):
    result = evalkit_command("taks")
    assert result.status == 2
    assert "no command 'taks'; did you mean 'tasks'?" in result.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tasks",), "expected `evalkit tasks list"),
        (("tasks", "show"), "expected `evalkit tasks list"),
        (("tasks", "list", "--nonsense"), "Unknown command line flag 'nonsense'"),
        (("score",), "--task"),
        (("score", "--task=a", "--predictions=b", "c"), "takes only flags, found 'c'"),
        (("demo", "now"), "takes only flags, found 'now'"),
        (("demo", "--steps=none"), "--steps"),
    ],
)
def test_wrong_usage_says_what_is_wrong(evalkit_command, arguments, message):
    result = evalkit_command(*arguments)
    assert result.status == 2
    assert message in result.err
    assert f"See `evalkit {arguments[0]} --help`" in result.err


def test_an_error_is_one_message_without_a_traceback(evalkit_command):
    result = evalkit_command("tasks", "show", "gsm8")
    assert result.status == 1
    assert "No task named 'gsm8' is registered. Nearest names: 'gsm8k'" in result.err
    assert "Traceback" not in result.err


def test_debug_shows_the_traceback():
    command = [sys.executable, "-c", "from evalkit import cli; cli.main()", "tasks", "show", "gsm8", "--debug"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "UnknownNameError" in result.stderr


def test_a_group_of_errors_is_shown_line_by_line():
    group = EvaluationError("2 failures", [MetricError("first"), MetricError("second")])
    assert message_of(group).splitlines() == ["2 failures", "  - first", "  - second"]


def test_an_error_is_shown_with_its_remedy():
    error = with_remedy(MetricError("It is broken."), "Mend it.")
    assert message_of(error).splitlines() == ["It is broken.", "Mend it."]


def test_a_module_that_is_not_there(evalkit_command):
    result = evalkit_command("tasks", "list", "--import=no_such_module")
    assert result.status == 1
    assert "--import=no_such_module: there is no module 'no_such_module'" in result.err


def test_a_module_that_raises_says_where(evalkit_command, tmp_path):
    (tmp_path / "broken_tasks.py").write_text("x = 1\ny = x / 0\n", encoding="utf-8")
    result = evalkit_command("tasks", "list", "--import=broken_tasks")
    assert result.status == 1
    assert "--import=broken_tasks: the module raised ZeroDivisionError: division by zero" in result.err
    assert "broken_tasks.py:2" in result.err


def test_a_module_whose_own_import_is_missing_is_not_called_missing(evalkit_command, tmp_path):
    (tmp_path / "needy_tasks.py").write_text("import no_such_module_either\n", encoding="utf-8")
    result = evalkit_command("tasks", "list", "--import=needy_tasks")
    assert "the module raised ModuleNotFoundError: No module named 'no_such_module_either'" in result.err


def test_an_interruption_is_no_traceback(evalkit_command, tmp_path):
    (tmp_path / "interrupted_tasks.py").write_text("raise KeyboardInterrupt\n", encoding="utf-8")
    result = evalkit_command("tasks", "list", "--import=interrupted_tasks")
    assert result.status == 130
    assert "interrupted" in result.err
    assert "Traceback" not in result.err
