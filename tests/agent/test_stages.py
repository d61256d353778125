"""What is started for each stage of a task."""

from tests.agent.running import shown


def test_files_go_in_and_out(run, tmp_path):
    (tmp_path / "in.txt").write_text("a b c\n")
    ended = run(
        [
            {
                "id": "wc",
                "command": ["sh", "-c", "wc -w < in.txt > out.txt"],
                "inputs": ["in.txt"],
                "outputs": ["out.txt"],
            }
        ]
    )
    assert (ended.workdir / "outputs" / "wc.1" / "out.txt").read_text().strip() == "3"
    assert [file["name"] for file in shown(ended, "wc")["attempts"][0]["result"]["files"]] == [
        "in.txt",
        "out.txt",
    ]
