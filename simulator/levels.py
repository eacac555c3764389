"""Names, ids and ranks of the rights on folders and secrets.  The names are the vendor's; the ids are ours."""

FOLDER_RANKS = {"": 0, "View": 1, "Add Secret": 2, "Edit": 3, "Owner": 4}
SECRET_RANKS = {"None": 0, "": 0, "List": 1, "View": 2, "Edit": 3, "Owner": 4}

FOLDER_ROLE_IDS = {"View": 21, "Edit": 22, "Add Secret": 23, "Owner": 24}
SECRET_ROLE_IDS = {"List": 31, "View": 32, "Edit": 33, "Owner": 34}

FOLDER_ROLES = {number: name for name, number in FOLDER_ROLE_IDS.items()}
SECRET_ROLES = {number: name for name, number in SECRET_ROLE_IDS.items()}
