"""The processes of a sweep, with work that needs no engine."""

import os
import signal

from engine.sweep.crew import Crew, Task


def work(said, tell):
    if said["number"] in said["deadly"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"figures": said["number"] ** 2}


def test_what_ends_its_process_twice_is_lost_and_all_others_are_not():
    tasks = [Task(str(number), {"number": number, "deadly": [2]}) for number in range(5)]
    crew = Crew(2, work)
    made = {task.key: said for task, said in crew.run(tasks, lambda: False, lambda part: None)}

    assert made.pop("2") == {
        "failed": "its process was ended 2 times (code -9); fewer --jobs need less memory",
        "lost": True,
    }
    assert made == {key: {"figures": int(key) ** 2} for key in "0134"}
