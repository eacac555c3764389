"""Words that seeded people, groups, folders and secrets are made of."""

_FIRST = """
Ada Alan Amir Anna Boris Carla Chen Clara David Diego Elena Emil Fatima Felix Grace Hana Hugo Ines Ivan Jana Joan Jonas
Julia Karim Kenji Lara Leon Lina Luis Maja Marco Maria Mei Mila Nadia Nils Nora Olga Omar Paula Pedro Petra Priya Ravi
Rosa Samir Sara Sofia Tariq Thea Tom Uma Vera Viktor Wen Yara Yusuf Zoe
"""
_LAST = """
Abbott Adeyemi Andersen Bakker Becker Bianchi Castro Chen Costa Davies Dubois Eriksen Ferrari Fischer Garcia Gruber
Haddad Hansen Hoffmann Ibrahim Ito Jansen Johansson Kaya Keller Kim Kowalski Kumar Larsen Lindgren Lopez Martin Mendes
Meyer Moreau Mueller Nakamura Nguyen Novak Okafor Olsen Park Patel Petrov Rossi Santos Sato Schmidt Silva Singh Smith
Sokolov Suzuki Tanaka Torres Urban Varga Weber Wong Yilmaz Zhang
"""
_PLACES = """
Finance Payroll Database Network Windows Linux Cloud Security Helpdesk Audit Storage Backup Web Mail Payments Research
Sales Support Platform Mobile
"""
FIRST, LAST, PLACES = _FIRST.split(), _LAST.split(), _PLACES.split()
TEAMS = (
    *("Operators", "Administrators", "Engineers", "Readers", "On Call"),
    *("Contractors", "Leads", "Auditors", "Testers", "Managers"),
)
