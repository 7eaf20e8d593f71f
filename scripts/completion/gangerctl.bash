# SPDX-License-Identifier: Apache-2.0
# Completion of gangerctl(1) for bash: subcommands, options, and the names of pools that run.

_gangerctl_pools() {
    # The pools of a ganger that answers; of one that does not, none.
    "$1" ${2:+-r "$2"} status --json 2>/dev/null |
        sed 's/"pool"/\n&/g' | sed -n 's/^"pool": *"\([A-Za-z0-9_.-]*\)".*/\1/p'
}

_gangerctl() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local word='' folder='' i arguments=0
    local words='status top request bench proxy-config reload restart stop start scale reopen upgrade quit test ping'

    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        -r | --runtime-directory)
            folder=${COMP_WORDS[i + 1]-}
            i=$((i + 1))
            ;;
        -d | --delay | --config | --path | --root) i=$((i + 1)) ;; # the word behind is no argument
        -*) ;;
        *)
            if [ -z "$word" ]; then
                word=${COMP_WORDS[i]}
            else
                arguments=$((arguments + 1))
            fi
            ;;
        esac
    done
    case $prev in
    -r | --runtime-directory)
        mapfile -t COMPREPLY < <(compgen -d -- "$cur")
        return
        ;;
    esac
    local choices=''
    case $word in
    '') choices="$words -r --runtime-directory -h --help -V --version" ;;
    status)
        choices='--full --json --watch'
        [ $arguments -gt 0 ] || choices+=" $(_gangerctl_pools "${COMP_WORDS[0]}" "$folder")"
        ;;
    top)
        choices='--delay'
        [ $arguments -gt 0 ] || choices+=" $(_gangerctl_pools "${COMP_WORDS[0]}" "$folder")"
        ;;
    restart | stop | start | scale)
        choices='--wait'
        [ $arguments -gt 0 ] || choices+=" $(_gangerctl_pools "${COMP_WORDS[0]}" "$folder")"
        ;;
    reload | upgrade | quit) choices='--wait' ;;
    proxy-config)
        choices='--config --path --root'
        case $arguments in
        0) choices+=' nginx apache caddy haproxy lighttpd' ;;
        1) choices+=" $(_gangerctl_pools "${COMP_WORDS[0]}" "$folder")" ;;
        esac
        ;;
    bench)
        if [[ $cur != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
        fi
        choices='--connections --time --count --keep-alive --method --header --param --data --script
                 --timeout --json'
        ;;
    request)
        if [[ $cur != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            return
        fi
        choices='--method --header --param --data --script --include --output --count --role --stderr
                 --timeout --max-time --timing --verbose --filter-file --stream'
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
}

complete -F _gangerctl gangerctl
