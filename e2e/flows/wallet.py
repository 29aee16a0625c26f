"""`heddle wallet` against the packages mnemonic, eth-account and shamir-mnemonic.

WALLET_PROGRAM is the program with its first arguments, as a list in JSON. Ends with an error at the
first difference; HEDDLE_SEED chooses other cases.
"""

import json
import os
import pty
import random
import select
import signal
import subprocess
import tempfile
import time

from eth_account import Account
from eth_account.hdaccount import key_from_seed
from mnemonic import Mnemonic
from shamir_mnemonic import combine_mnemonics, generate_mnemonics

PROGRAM = json.loads(os.environ["WALLET_PROGRAM"])
SEED = int(os.environ.get("HEDDLE_SEED", "1"))
# Letters with several forms in Unicode among them, which NFKD makes one.
LETTERS = "abcXYZ 019é√Åﬁ㍍ガ十ñn\u0303Ω😀"
PRINTABLE = "".join(chr(code) for code in range(32, 127))
LANGUAGES = ["english", "japanese", "french", "spanish", "korean", "czech", "italian", "portuguese",
             "chinese_simplified", "chinese_traditional"]
chance = random.Random(SEED)


def wallet(*arguments, given, passphrase):
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:
        # The line break at the end is not part of a passphrase.
        file.write(passphrase + "\n")
        file.flush()
        command = [*PROGRAM, *arguments, "--passphrase-file", file.name]
        done = subprocess.run(command, input=given, capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout.strip()


def draw(letters):
    return "".join(chance.choice(letters) for _ in range(chance.randrange(20)))


def index():
    return f"{chance.randrange(2**31)}{chance.choice(['', chr(39)])}"


def mnemonics(count):
    """Random words in every language, passphrases and paths give the reference's keys."""
    for turn in range(count):
        words = Mnemonic(LANGUAGES[turn % len(LANGUAGES)] if turn % 2 else "english")
        phrase = words.to_mnemonic(chance.randbytes(chance.choice([16, 20, 24, 28, 32])))
        passphrase = draw(LETTERS)
        path = "/".join(["m", *(index() for _ in range(chance.randrange(6)))])
        key = key_from_seed(Mnemonic.to_seed(phrase, passphrase), path)
        expected = [path, Account.from_key(key).address, f"0x{key.hex()}"]
        line = wallet("derive", "--private-keys", "--path", path, given=phrase, passphrase=passphrase)
        assert line.split() == expected, (turn, phrase, passphrase, line)


def plan():
    groups = []
    for _ in range(chance.randrange(1, 5)):
        threshold = chance.randrange(1, 5)
        groups.append((threshold, 1 if threshold == 1 else threshold + chance.randrange(3)))
    return chance.randrange(1, len(groups) + 1), groups


def enough(threshold, groups, shares):
    """Just as many shares as are needed, drawn by chance."""
    chosen = []
    for group in chance.sample(range(len(groups)), threshold):
        chosen += chance.sample(shares[group], groups[group][0])
    chance.shuffle(chosen)
    return chosen


def shares(count):
    """What one has split, the other combines."""
    for turn in range(count):
        secret = chance.randbytes(chance.choice([16, 20, 24, 28, 32, 64]))
        passphrase = draw(PRINTABLE)
        threshold, groups = plan()
        theirs = generate_mnemonics(threshold, groups, secret, passphrase.encode(),
                                    extendable=turn % 2 == 0, iteration_exponent=turn % 3)
        given = "\n".join(enough(threshold, groups, theirs))
        found = wallet("shamir", "combine", "--hex", given=given, passphrase=passphrase)
        assert found == secret.hex(), (turn, found)
        named = ",".join(f"{needed}of{members}" for needed, members in groups)
        lines = wallet("--json", "shamir", "split", "--hex", "--groups", named, "--group-threshold",
                       str(threshold), "--iteration-exponent", str(turn % 3), given=secret.hex(),
                       passphrase=passphrase).splitlines()
        ours = [[] for _ in groups]
        for line in map(json.loads, lines):
            ours[line["group"] - 1].append(line["share"])
        assert [len(group) for group in ours] == [members for _, members in groups]
        chosen = enough(threshold, groups, ours)
        assert combine_mnemonics(chosen, passphrase.encode()) == secret, turn


class Terminal:
    """The wallet at a terminal of its own."""

    def __init__(self, *arguments):
        self.shown = ""
        self.process, self.file = pty.fork()
        if self.process == 0:
            os.execvp(PROGRAM[0], [*PROGRAM, *arguments])

    def wait_for(self, text):
        end = time.monotonic() + 30
        while text not in self.shown:
            ready, _, _ = select.select([self.file], [], [], max(0, end - time.monotonic()))
            assert ready, (text, self.shown)
            self.shown += os.read(self.file, 65536).decode()
        before, _, self.shown = self.shown.partition(text)
        return before

    def type(self, text):
        os.write(self.file, text.encode())

    def end(self):
        """Its status, and the rest of what it shows."""
        try:
            while block := os.read(self.file, 65536):
                self.shown += block.decode()
        except OSError:
            pass  # What Linux says at the end.
        os.close(self.file)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1]), self.shown


def terminal():
    """Secrets are typed without echo, and a signer asks before it signs."""
    phrase = Mnemonic("english").to_mnemonic(bytes(16))
    asked = Terminal("derive", "--ask-passphrase")
    asked.wait_for("Mnemonic: ")
    asked.type(f"x{chr(127)}{phrase}\n")
    asked.wait_for("Passphrase: ")
    asked.type("TREZOR\n")
    status, shown = asked.end()
    key = key_from_seed(Mnemonic.to_seed(phrase, "TREZOR"), "m/44'/60'/0'/0/0")
    assert status == 0 and Account.from_key(key).address in shown, shown
    assert "abandon" not in shown and "TREZOR" not in shown, shown
    broken = Terminal("derive")
    broken.wait_for("Mnemonic: ")
    broken.type(chr(3))
    status, shown = broken.end()
    assert status == 2 and "broken off" in shown, (status, shown)
    with tempfile.TemporaryDirectory() as folder:
        socket = os.path.join(folder, "own", "socket")
        signer = Terminal("signer", "--socket", socket)
        signer.wait_for("Mnemonic: ")
        signer.type(f"{phrase}\n")
        signer.wait_for("socket")
        for answer, expected in [("yes", 0), ("y", 2), ("", 2)]:
            command = [*PROGRAM, "sign-message", "--message", "tea\x1b[2J?", "--signer", socket]
            client = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            text = signer.wait_for("Type yes to sign: ")
            assert "tea\\u{1b}[2J?" in text and "\x1b" not in text, text
            signer.type(f"{answer}\n")
            assert client.wait(30) == expected, answer
            signer.wait_for("signed for" if expected == 0 else "refused for")
        os.kill(signer.process, signal.SIGTERM)
        _, shown = signer.end()
        assert "abandon" not in shown, shown


terminal()
mnemonics(200)
shares(60)
print("200 mnemonics and 60 splits in both directions agree; nothing typed is shown")
