#compdef podsec-k8s podsec-k8s-create-master
# Completion of podsec-k8s and podsec-k8s-create-master for zsh; see
# podsec-k8s.bash for what is asked of whom.
# Source: zshcompsys(1).
_podsec_k8s() {
	local -a asked found
	local word
	asked=("${(@)words[1,CURRENT-1]}")
	for word in "${(@)asked[2,-1]}"; do
		case $word in
		(--|exec|kubeadm|kubectl|crictl) _default; return ;;
		esac
	done
	[[ ${words[CURRENT]} != -* ]] || asked+=("${words[CURRENT]}")
	found=("${(@f)$(SHELL=zsh "${asked[@]}" --generate-bash-completion 2>/dev/null </dev/null)}")
	if [[ -n ${found[1]} ]]; then
		_describe command found
	else
		_default
	fi
}
if [[ ${funcstack[1]} = _podsec_k8s* || ${funcstack[1]} = _podsec-k8s* ]]; then
	_podsec_k8s "$@"
else
	compdef _podsec_k8s podsec-k8s podsec-k8s-create-master
fi
