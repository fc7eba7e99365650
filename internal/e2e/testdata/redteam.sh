# What a step may try to get out of its pod. Each attempt prints HELD or BREACH; what
# only a network plugin can hold prints REACHED. Arguments: address of a victim's
# pod, address of the node, port of its kubelet, port of the API server there.
victim=$1 node=$2 kubelet=$3 api=$4

breach() { echo "BREACH $1: $(tr -c '[:print:]' ' ' </tmp/out | head -c 300)"; }
# try NAME COMMAND...: a breach if it succeeds.
try() { name=$1; shift; if timeout 20 "$@" >/tmp/out 2>&1 </dev/null; then breach "$name"; else echo "HELD $name"; fi; }
# says NAME PATTERN COMMAND...: a breach if it prints the pattern.
says() { name=$1 pattern=$2; shift 2; timeout 10 "$@" >/tmp/out 2>&1 </dev/null; if grep -qaE "$pattern" /tmp/out; then breach "$name"; else echo "HELD $name"; fi; }
plain() { timeout 5 bash -c 'exec 3<>"/dev/tcp/$0/$1" && printf "GET %s HTTP/1.0\r\nHost: %s\r\nMetadata-Flavor: Google\r\n\r\n" "$2" "$0" >&3 && cat <&3' "$@"; }
tls() { printf 'GET %s HTTP/1.0\r\n\r\n' "$3" | timeout 5 openssl s_client -quiet -connect "$1:$2"; }
export -f plain tls
over() { kind=$1; shift; bash -c "$kind"' "$@"' "$kind" "$@"; }
export -f over
status() { awk -v f="$1:" '$1 == f { print $2 }' /proc/self/status; }

# The network.
says metadata-aws '^HTTP/1.[01] 200' bash -c 'over plain 169.254.169.254 80 /latest/meta-data/'
says metadata-gcp '^HTTP/1.[01] 200' bash -c 'over plain 169.254.169.254 80 /computeMetadata/v1/'
for at in "$KUBERNETES_SERVICE_HOST:${KUBERNETES_SERVICE_PORT:-443}" "$node:6443" "$node:$api"; do
  says "api-server secrets at ${at#*:}" '"kind": ?"Secret' bash -c "over tls ${at%:*} ${at#*:} /api/v1/namespaces/yaci-builds/secrets"
  says "api-server pods at ${at#*:}" '"kind": ?"Pod' bash -c "over tls ${at%:*} ${at#*:} /api/v1/pods"
done
for port in 10250 10255 "$kubelet"; do
  says "kubelet at $port" 'PodList|"pods"' bash -c "over tls $node $port /pods"
  says "kubelet in the clear at $port" 'PodList|"pods"' bash -c "over plain $node $port /pods"
done
for port in 2379 2380; do says "etcd at $port" '200 OK' bash -c "over plain $node $port /version"; done
if over plain "$victim" 7946 / 2>/dev/null | grep -q peer-hello; then echo 'REACHED peer'; else echo 'HELD peer'; fi

# The service account, and what others own.
try 'service-account token' test -e /var/run/secrets/kubernetes.io/serviceaccount/token
says 'service-account token elsewhere' . find / -xdev -path '*serviceaccount*' -name token
marker=VICTIM; marker=$marker-SECRET
try "another run's secret" bash -c "grep -rqsa $marker /proc/[0-9]*/environ /workspace /yaci /tmp /run /var /etc"
try 'processes of others' bash -c "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -qE 'kube[l]et|container[d]|etc[d]|prepar[e]'"
try 'the seed of the clone' test -e /yaci/seed
try 'the runner' bash -c 'touch /yaci/bin/x || cp /bin/true /yaci/bin/yaci-step'

# The clone's credentials.
try 'git configuration' bash -c "git config --list --show-origin | grep -qiE 'extraheader|credential|token|x-access'"
try 'token in .git' bash -c "grep -rqsaE 'gh[a-z]_[A-Za-z0-9]{8,}|x-access-token' .git"
try 'token in the environment' bash -c "env | grep -qE 'gh[a-z]_[A-Za-z0-9]{8,}'"
try 'token on disk' bash -c "grep -rqsaE 'gh[a-z]_[A-Za-z0-9]{20,}' /yaci /tmp /run /root"
try 'fetch again' env GIT_TERMINAL_PROMPT=0 git fetch origin

# The kernel.
try 'other capabilities' test "$(status CapBnd)" != 00000000800004fb
try 'no seccomp' test "$(status Seccomp)" != 2
try 'new privileges' test "$(status NoNewPrivs)" != 1
try 'mount' mount -t tmpfs none /mnt
try 'bind mount' mount --bind /proc /mnt
try 'writable kernel settings' mount -o remount,rw /sys
try 'device node' mknod /tmp/disk b 8 0
try 'chroot' chroot / true
try 'user namespace' unshare -Ur true
try 'mount namespace' unshare -m true
try 'network namespace' unshare -n true
try 'raw socket' perl -e 'use Socket; socket(my $s, PF_INET, SOCK_RAW, 1) or exit 1'
try 'packet socket' perl -e 'socket(my $s, 17, 3, 768) or exit 1'
try 'kernel log' dmesg
try 'core pattern' bash -c 'echo x >/proc/sys/kernel/core_pattern'
try 'sysrq' bash -c 'echo h >/proc/sysrq-trigger'
try 'kernel memory' head -c 1 /proc/kcore
try 'cgroups' bash -c 'for d in /sys/fs/cgroup /sys/fs/cgroup/*; do mkdir "$d/out" && test -e "$d/out/cgroup.procs" && echo "$d" && exit 0; done; exit 1'
try 'release agent' bash -c 'for f in $(find /sys/fs/cgroup -name release_agent); do echo /x >"$f" && exit 0; done; exit 1'
try 'disks of the node' bash -c 'ls /dev/sd* /dev/vd* /dev/nvme* /dev/xvd*'
try 'sockets of the runtime' bash -c 'ls /var/run/docker.sock /run/containerd/containerd.sock /run/crio/crio.sock'
# Mounts: the image, the pod's own volumes, the four files that the kubelet writes.
awk '{ print $5 }' /proc/self/mountinfo | grep -vE '^(/|/proc(/.*)?|/dev(/.*)?|/sys(/.*)?|/etc/(hosts|hostname|resolv.conf)|/workspace|/yaci/(bin|sync|own|home))$' >/tmp/mounts
try 'mounts of the node' grep . /tmp/mounts
echo "UIDMAP $(awk 'NR == 1 { print $2 }' /proc/self/uid_map)"
