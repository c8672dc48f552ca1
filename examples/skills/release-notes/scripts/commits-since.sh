#!/bin/sh
# Prints the commits since a release, oldest first: commits-since.sh [TAG-OR-COMMIT]
# Without an argument it starts at the last tag that the current commit contains.
set -eu

since=${1:-$(git describe --tags --abbrev=0 2>/dev/null || true)}

if [ -n "$since" ]; then
    echo "since $since"
    git log --reverse --no-merges --date=short --format='%h %ad %s' "$since..HEAD" --
else
    echo "no release yet: all commits"
    git log --reverse --no-merges --date=short --format='%h %ad %s' HEAD --
fi
