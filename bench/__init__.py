"""veeamcheck beside nmap, on the same jobs in the same run: the figures of the README.

`python -m bench` builds the lab, runs every job and writes the tables. A job is a file in `jobs/`.
"""
