"""What a card says, for tests that make one."""

from typing import Any

FACTS: dict[str, Any] = {
    "version": "1.0",
    "recipe": {"epochs": 1, "seed": 0, "learning_rate": 0.006},
    "data_sha256": "0" * 64,
    "commit": "8ae2d85+changes",
    "accuracy": {"validation": 0.99, "test": 0.991, "seeds": 1},
    "temperature": 1.05,
    "parameters": 104938,
    "packages": {"torch": "2.14.1"},
    "reference": {"digit": {"bounds": [4.0], "shares": [0.4, 0.6]}},
    "task": "numbers",
}
