# SPDX-License-Identifier: MIT
# bash completion for linstub(8). The program itself says what may come next.
_linstub() {
  mapfile -t COMPREPLY < <("$1" complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _linstub linstub
