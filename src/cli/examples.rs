//! The examples that end each help text.

pub(crate) const ROOT: &str = "\
Examples:
  # One pass: make ./skills equal to the main branch of a repository
  skill-sync once --repo https://github.com/acme/skills --ref main --dir ./skills

  # The same for good, looking every minute, with HTTP on port 3000
  skill-sync run --repo https://github.com/acme/skills --dir ./skills --poll-interval 1m

  # Check skills before they are pushed
  skill-sync validate ./my-skills

Every setting is an environment variable too, and the flag wins. Secrets are variables only
(GITHUB_TOKEN, GITHUB_WEBHOOK_SECRET, API_TOKEN), or files named by GITHUB_TOKEN_FILE and so on.

Exit codes: 0 converged, 1 failed and may succeed later, 2 wrong usage or settings, 3 converged but
skills are held, 4 waits for a confirmation, 5 a person or a commit must act first.";

pub(crate) const RUN: &str = "\
Examples:
  # Follow the remote's default branch into /data/skills
  SKILLS_REPO=https://github.com/acme/skills skill-sync run

  # A private repository, only the skills below team-a, a push seen at once
  export GITHUB_TOKEN_FILE=/run/secrets/token GITHUB_WEBHOOK_SECRET_FILE=/run/secrets/webhook
  skill-sync run --repo https://github.com/acme/skills --include 'team-a/**'

  # In the agent's own container: start the agent once its skills are there, as user 1000
  skill-sync run --repo https://github.com/acme/skills --child-user 1000:1000 -- node server.js

SIGTERM and SIGINT end the running pass at a safe point and exit 0; SIGHUP asks for a pass. A pass
that fails never ends the service.

With CMD, SIGTERM, SIGINT, SIGUSR1 and SIGUSR2 go to CMD, and its exit status is ours: 128 more than
the signal where it died of one, 127 where there is no such command, 126 where it cannot be run. It
starts on what was served last where the repository cannot be reached, sees no variable of a setting
unless CHILD_ENV names it, and does not outlive us. PORT is its own: ours is SKILL_SYNC_PORT.";

pub(crate) const ONCE: &str = "\
Examples:
  # From a repository on this machine into a directory
  skill-sync once --repo ./skills-repo --dir ./skills

  # In a script: the report as JSON, the exit code as the outcome
  skill-sync once --repo https://github.com/acme/skills --dir ./skills -o json | jq .outcome

  # Although SYNC_WINDOW says that it is not the time for it
  skill-sync once --repo ./skills-repo --dir ./skills --force --reason hotfix";

pub(crate) const RECONCILE: &str = "\
Examples:
  # Bring the next pass forward
  skill-sync reconcile --dir /data/skills

  # In a deploy script: wait until what was just pushed is served
  skill-sync reconcile --wait -o json

  # Although SYNC_WINDOW says that it is not the time for it
  skill-sync reconcile --wait --force --reason hotfix";

pub(crate) const WEBHOOK: &str = "\
Examples:
  # Tell the forge where to send pushes
  skill-sync webhook register --repo https://github.com/acme/skills --url https://skills.example.org";

pub(crate) const WEBHOOK_REGISTER: &str = "\
Examples:
  # With a token that may administer webhooks, and the secret that the service has
  export FORGE_TOKEN_FILE=/run/secrets/forge GITHUB_WEBHOOK_SECRET_FILE=/run/secrets/webhook
  skill-sync webhook register --repo https://github.com/acme/skills --url https://skills.example.org

  # A forge whose host does not tell what it is
  skill-sync webhook register --repo https://git.example/acme/skills --forge gitea --url https://skills.example.org

  # Is it there, and what came of the last deliveries?
  skill-sync webhook register --check --url https://skills.example.org

It may be run again: the webhook that goes to this address is set right and none is added. Of two secrets
the forge gets the first. For Bitbucket it prints what to do by hand.

Exit codes: 0 done, 1 it may succeed later (with --check: the webhook is missing or turned off), 2 wrong usage or
settings, 5 the forge refuses, and a person must act first.";

pub(crate) const DIFF: &str = "\
Examples:
  # What would change if a pass ran now?
  skill-sync diff --repo https://github.com/acme/skills --dir ./skills

Exit codes: 0 nothing would change, 1 something would, 2 error.";

pub(crate) const VALIDATE: &str = "\
Examples:
  # All skills below this directory
  skill-sync validate

  # By the reference rules of the Agent Skills specification
  skill-sync validate --strict ./skills

  # In a GitHub workflow: findings appear beside the lines of the pull request
  skill-sync validate -o github ./skills

  # For code scanning, and no finding that is high or worse
  skill-sync validate -o sarif --fail-on high ./skills

  # One file, also before it is saved; what a branch would bring
  cat golden-horde.md | skill-sync validate -
  skill-sync validate --rev origin/main ./skills

Exit codes: 0 no skill would be held, 1 some would (or a finding is as grave as --fail-on), 2 error.";

pub(crate) const EXPLAIN: &str = "\
Examples:
  # What is behind a finding?
  skill-sync explain pipe-to-shell";

pub(crate) const STATUS: &str = "\
Examples:
  # What does /data/skills serve?
  skill-sync status

  # The commit that was applied last
  skill-sync status --dir ./skills -o json | jq -r .last_applied_revision";

pub(crate) const CONFIRM: &str = "\
Examples:
  # What waits, and why?
  skill-sync status

  # The branch really is meant to lose most of its skills
  skill-sync confirm 3f2a9c41d0b7

Exit codes: those of the pass that follows.";

pub(crate) const SUSPEND: &str = "\
Examples:
  # While an incident is looked into
  skill-sync suspend --for 2h --reason incident-4711

  # Until somebody says otherwise
  skill-sync suspend

Passes go on to fetch and say what waits. Drift is not put right either.";

pub(crate) const ROLLBACK: &str = "\
Examples:
  # What was applied before what is applied now
  skill-sync rollback HEAD~1 --reason loops

  # What was applied by pass 12 (`skill-sync history` lists the passes), or a commit
  skill-sync rollback pass:12
  skill-sync rollback 3f2a9c41d0b7

  # Follow the repository again
  skill-sync resume

A rollback is judged by today's rules and ends a suspension. Exit codes: those of the pass that follows.";

pub(crate) const RESUME: &str = "\
Examples:
  # Follow the repository again after suspend or rollback
  skill-sync resume

Exit codes: those of the pass that follows.";

pub(crate) const DRIFT: &str = "\
Examples:
  # What was overwritten, and by which pass?
  skill-sync drift list

  # A hand edit was good: look at it, to offer it upstream
  skill-sync drift patch 12-1 | less";

pub(crate) const DRIFT_LIST: &str = "\
Examples:
  # As JSON, for a script
  skill-sync drift list -o json";

pub(crate) const DRIFT_SHOW: &str = "\
Examples:
  # The bytes as they were
  skill-sync drift show 12-1";

pub(crate) const DRIFT_RESTORE: &str = "\
Examples:
  # To a file that is not there yet
  skill-sync drift restore 12-1 --to edited.md";

pub(crate) const DRIFT_PATCH: &str = "\
Examples:
  # Apply it in a clone of the repository, at the commit that is served
  skill-sync drift patch | git -C ../skills apply --index";

pub(crate) const HISTORY: &str = "\
Examples:
  # The last 20 passes
  skill-sync history

  # Older ones
  skill-sync history --limit 100 --before 1200";

pub(crate) const AUDIT: &str = "\
Examples:
  # What happened last?
  skill-sync audit list

  # Has anybody edited the record?
  skill-sync audit verify";

pub(crate) const AUDIT_LIST: &str = "\
Examples:
  # The last 20 records
  skill-sync audit list

  # As JSON, for a script
  skill-sync audit list --limit 500 -o json";

pub(crate) const AUDIT_VERIFY: &str = "\
Examples:
  # Walk the whole chain
  skill-sync audit verify

  # And notice records that were cut off at its end since the anchor was taken
  skill-sync audit verify --anchor anchor.json

  # And compare what Neo4j has
  skill-sync audit verify --neo4j

Exit codes: 0 whole, 1 broken (the first bad record is named), 2 error.";

pub(crate) const AUDIT_ANCHOR: &str = "\
Examples:
  # Keep it on another machine
  skill-sync audit anchor -o json | ssh vault 'cat >> anchors.jsonl'

  # Later
  skill-sync audit verify --anchor anchor.json";

pub(crate) const AUDIT_PROJECT: &str = "\
Examples:
  # After `once`, where no service runs
  skill-sync audit project

  # The condition AuditForked is True, and what Neo4j has is what is wrong
  skill-sync audit project --rebuild

Exit codes: 0 every record is there, 1 not yet, 2 error, 5 what is there disagrees or a person must act.";

pub(crate) const AUDIT_EXPORT: &str = "\
Examples:
  # Everything, a JSON object a line
  skill-sync audit export | gzip -c | ssh vault 'cat > audit.jsonl.gz'

  # What came since, for a spreadsheet
  skill-sync audit export --after 1200 -o csv | less";

pub(crate) const TRACE: &str = "\
Examples:
  # Who put this here?
  skill-sync trace golden-horde.md

  # Everything that is known, for a script
  skill-sync trace /data/skills/pdf-tools/SKILL.md -o json";

pub(crate) const STATE: &str = "\
Examples:
  # The database or the mirror is damaged: stop the service first
  skill-sync state rebuild";

pub(crate) const STATE_REBUILD: &str = "\
Examples:
  # Stop the service first; what is whole stays, and nothing on the target changes
  skill-sync state rebuild

  # Then a pass fetches what is missing
  skill-sync once";

pub(crate) const DOCTOR: &str = "\
Examples:
  # Settings, repository, volume
  skill-sync doctor --repo https://github.com/acme/skills

  # And the agent: its version, how it watches, where it reads
  skill-sync doctor --consumer /app

  # Before `run -- node server.js` in a container
  skill-sync doctor -- node server.js

Exit codes: 0 nothing is a problem, 1 time may mend it, 2 settings, 5 a person must act first.";

pub(crate) const COMPLETIONS: &str = "\
Examples:
  # For bash, for everybody
  skill-sync completions bash | sudo tee /etc/bash_completion.d/skill-sync

  # For zsh, in a directory of $fpath
  skill-sync completions zsh | tee ~/.zfunc/_skill-sync";

pub(crate) const HEALTHCHECK: &str = "\
Examples:
  # In a Dockerfile
  HEALTHCHECK CMD [\"skill-sync\", \"healthcheck\"]";
