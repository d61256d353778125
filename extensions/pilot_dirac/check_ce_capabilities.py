"""CheckCECapabilities: the parameters of our queue in the configuration service."""

from typing import Dict, List

from pilot.errors import Skip

from . import parsing
from .command import DiracCommand
from .options import pick_options

PROGRAM = "dirac-resource-get-parameters"


class CheckCECapabilities(DiracCommand):
    """Ask DIRAC for the parameters of this queue: tags, memory, CPU time."""

    name = "CheckCECapabilities"
    options = DiracCommand.options + pick_options("tag", "required_tag", "use_server_certificate")

    def execute(self) -> None:
        pp = self.pp
        words = self.place_words()
        if not (pp.site and pp.ceName and pp.queueName):
            raise Skip(
                "site, computing element and queue are not all known (-n, -N, -Q): "
                "nothing to ask for"
            )
        output = self.run_program([PROGRAM] + words + ["-d"]).stdout
        parameters = parsing.last_object(output)
        if parameters is None:
            raise self.failure(
                "%s gave no JSON object; its last line: %s" % (PROGRAM, parsing.last_line(output))
            )
        self._take_parameters(parameters)
        self.write_options(
            {"/LocalSite/" + name: parsing.as_text(raw) for name, raw in pp.queueParameters.items()}
        )

    def place_words(self) -> List[str]:
        """Site, computing element and queue as words for DIRAC's programs, without unknown ones."""
        pp = self.pp
        words = [
            word
            for letter, text in (("-S", pp.site), ("-N", pp.ceName), ("-Q", pp.queueName))
            if text
            for word in (letter, text)
        ]
        return words + self.server_words()

    def _take_parameters(self, answer: Dict[str, object]) -> None:
        pp = self.pp
        parameters = dict(answer)
        if str(parameters.get("WholeNode", "")).lower() in ("true", "yes", "1"):
            pp.tags.append("WholeNode")
        pp.tags += parsing.as_list(parameters.pop("Tag", ()))
        pp.reqtags += parsing.as_list(parameters.pop("RequiredTag", ()))
        pp.tags, pp.reqtags = list(dict.fromkeys(pp.tags)), list(dict.fromkeys(pp.reqtags))
        pp.queueParameters = parameters
