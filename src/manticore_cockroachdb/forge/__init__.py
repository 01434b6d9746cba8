"""A plan as one comment on a pull or merge request, kept up to date.

    python -m manticore_cockroachdb.forge [options of manticore plan]

For the GitHub Action (``action.yml``) and the GitLab template (``deploy/gitlab``), whose variables
say where. The comment begins with a mark that nobody sees, and is found by it again: one comment
for each directory and environment, however often it runs. Where it may not be written, as from a
fork, that is said and is no failure: the plan stands in the log and in the job's summary.

It says nothing of which server was asked: a plan is about tables, and not everybody who reads a
pull request should know where the database is.
"""
