"""The interface of the settings for packages below the engine: read a value by its name."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Protocol  # from Python 3.8 on: for the type checker only

    class SettingValues(Protocol):
        """The part of the engine's `Settings` that hosts and events use."""

        def __getitem__(self, name: str) -> object:
            """The value of an option."""

        def __contains__(self, name: object) -> bool:
            """Whether a command of the plan has this option."""

else:  # annotations are evaluated at run time
    SettingValues = object
