# Completion of podsec-k8s and podsec-k8s-create-master for fish; see
# podsec-k8s.bash for what is asked of whom.
# Source: fish's documentation, "Writing your own completions".
function __podsec_k8s
    set -l asked (commandline -opc)
    set -l current (commandline -ct)
    for word in $asked[2..]
        if contains -- $word -- exec kubeadm kubectl crictl
            __fish_complete_path $current
            return
        end
    end
    if string match -q -- '-*' $current
        set -a asked $current
    end
    set -l found (SHELL=zsh $asked --generate-bash-completion 2>/dev/null </dev/null | string replace ':' \t)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path $current
    end
end
complete -c podsec-k8s -f -a '(__podsec_k8s)'
complete -c podsec-k8s-create-master -f -a '(__podsec_k8s)'
