"""What others scheduled, read and written as declarations: source text, then jobs found and remarks, then a jobs.py.

One file a source (`crontab`, `celery_beat`, `kubernetes`, `github_actions`); `declarations` writes. Nothing that a
source says is lost without a word: each thing is declared, said in a remark, or left as a comment with the reason.
"""
