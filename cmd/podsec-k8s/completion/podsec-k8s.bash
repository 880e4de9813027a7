# Completion of podsec-k8s and podsec-k8s-create-master: each command lists
# its own subcommands and flags. What comes after "--", and after a command
# that runs another program, is that program's: asking would run it.
# Source: urfave/cli v2, "Shell Completion".
_podsec_k8s() {
	local cur=${COMP_WORDS[COMP_CWORD]} asked=("${COMP_WORDS[@]:0:COMP_CWORD}") word
	for word in "${asked[@]:1}"; do
		case $word in
		-- | exec | kubeadm | kubectl | crictl) return ;;
		esac
	done
	[[ $cur != -* ]] || asked+=("$cur")
	mapfile -t COMPREPLY < <(compgen -W "$("${asked[@]}" --generate-bash-completion 2>/dev/null </dev/null)" -- "$cur")
}
complete -o default -F _podsec_k8s podsec-k8s podsec-k8s-create-master
