"""The scripts of ``hil-app completion``; the words between @ signs are filled in."""

from __future__ import annotations

_WORDS = """\
# Made by `hil-app completion`: make it anew after installing a plug-in, or another version.

_hil_app_below() {  # the words that may follow a command
    case "$1" in
@BELOW@
    esac
}

_hil_app_options() {  # the options of a command; those that take a value end in =
    case "$1" in
@OPTIONS@
    esac
    case "$1" in
        @CONFIGURED@) printf '%s\\n' @CONFIG@ ;;
    esac
}

_hil_app_values() {  # what an option of a command may be
    case "$1 $2" in
@VALUES@
    esac
}

_hil_app_command() {  # the command that some words begin with
    local command="" word
    for word in "$@"; do
        _hil_app_below "$command" | grep -qxF -e "$word" || break
        command="${command:+$command }$word"
    done
    printf '%s\\n' "$command"
}

_hil_app_matches() {  # CURRENT OPTION WORDS...: what may stand where CURRENT is
    local current="$1" option="$2" one rest
    shift 2
    local command="$(_hil_app_command "$@")"
    if [[ -n $option ]]; then
        _hil_app_values "$command" "$option"
    elif [[ $current == -* ]]; then
        _hil_app_options "$command"
    else
        _hil_app_below "$command"
    fi | while IFS= read -r one; do
        [[ $one == "$current"* ]] || continue
        rest="${one#"$current"}"
        case "$option$rest" in
            *.*=) printf '%s\\n' "$current${rest%%.*}." ;;  # a step down at a time
            *) printf '%s\\n' "$one" ;;
        esac
    done | sort -u
}
"""

_BASH = """\

_hil_app() {
    local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" option="" one
    COMPREPLY=()
    if [[ $current == "=" ]]; then  # bash takes --name=value for three words
        option="$before" current=""
    elif [[ $before == "=" ]]; then
        option="${COMP_WORDS[COMP_CWORD-2]}"
    elif [[ $before == --* && $current != -* ]]; then
        option="$before"
    fi
    while IFS= read -r one; do
        COMPREPLY+=("$one")
    done < <(_hil_app_matches "$current" "$option" "${COMP_WORDS[@]:1:COMP_CWORD-1}")
    if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=.] ]]; then
        compopt -o nospace 2> /dev/null
    fi
}

complete -o default -F _hil_app hil-app
"""

_ZSH = """\

_hil-app() {
    local current="${words[CURRENT]}" before="${words[CURRENT-1]}" option=""
    local -a found
    if [[ $current == --*=* ]]; then
        option="${current%%=*}" current="${current#*=}"
        compset -P '*='
    elif [[ $before == --* && $current != -* ]]; then
        option="$before"
    fi
    found=("${(@f)$(_hil_app_matches "$current" "$option" "${(@)words[2,CURRENT-1]}")}")
    found=(${found:#})
    if (( ! $#found )); then
        _files
        return
    fi
    compadd -S '' -- ${(M)found:#*[=.]}
    compadd -- ${found:#*[=.]}
}

if [[ "${funcstack[1]}" == _hil-app ]]; then
    _hil-app "$@"
else
    compdef _hil-app hil-app
fi
"""
SCRIPTS = {"bash": _WORDS + _BASH, "zsh": "#compdef hil-app\n" + _WORDS + _ZSH}
