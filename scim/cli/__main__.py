import sys

from scim.cli.main import main

sys.exit(main())
