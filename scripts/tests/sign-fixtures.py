"""Signs the level bundle with OpenSSF Model Signing, for the tests of what the agent makes of signatures.

The keys are made anew and thrown away: only their public halves and the signatures stay. When a file of the level bundle
changes, run it again:

    python -m pip install --requirement scripts/tests/requirements.txt
    python scripts/tests/sign-fixtures.py Tests/EdgeAgentTests/Fixtures/level/bundle Tests/EdgeAgentTests/Fixtures/signatures
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

CURVES = {"p256": "prime256v1", "p384": "secp384r1", "p521": "secp521r1"}


def main():
    bundle = pathlib.Path(sys.argv[1])
    target = pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    program = pathlib.Path(sys.executable).with_name("model_signing")
    with tempfile.TemporaryDirectory() as text:
        work = pathlib.Path(text)
        for name, curve in CURVES.items():
            copy = work / name
            shutil.copytree(bundle, copy)
            key = work / f"{name}.pem"
            subprocess.run(["openssl", "ecparam", "-name", curve, "-genkey", "-noout", "-out", key], check=True)
            subprocess.run(["openssl", "ec", "-in", key, "-pubout", "-out", target / f"{name}.pub"], check=True, capture_output=True)
            subprocess.run(
                [program, "sign", "key", "--private_key", key, "--signature", copy / "model.sig", copy], check=True)
            if name != "p521":  # of which only the refused key is needed
                shutil.copy(copy / "model.sig", target / f"{name}.sig")


if __name__ == "__main__":
    main()
