#!/bin/sh
echo "pages of $1"
