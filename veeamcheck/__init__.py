"""Active network reachability auditor for Veeam Backup & Replication."""

__version__ = "0.1.0"
