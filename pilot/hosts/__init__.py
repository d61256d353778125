"""Who hosts us and wants to be told how we are: BOINC, Vac."""
