"""`python -m physai_inverse` is `physai-inverse`."""

from physai_inverse.cli import main

if __name__ == "__main__":
    main()
