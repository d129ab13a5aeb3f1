// SPDX-License-Identifier: MIT
// CO-RE in bulk: 24 kernel types, seven members of each. What relocation costs is measured with it.
#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

typedef __u64 any;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next;
};

struct qstr {
	__u32 len;
	const unsigned char *name;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct task_struct {
	unsigned int flags;
	int prio, pid, tgid;
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct files_struct *files;
};

struct mm_struct {
	unsigned long mmap_base, task_size, total_vm, start_code, start_brk, start_stack, arg_start;
};

struct signal_struct {
	int nr_threads, group_exit_code;
	unsigned int flags;
	unsigned long nvcsw, maxrss;
	__u64 utime, stime;
};

struct files_struct {
	struct fdtable *fdt;
	unsigned int next_fd;
	unsigned long close_on_exec_init[1], open_fds_init[1], full_fds_bits_init[1];
	struct file *fd_array[64];
	_Bool resize_in_progress;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *close_on_exec, *open_fds, *full_fds_bits;
	struct list_head rcu;
};

struct file {
	struct path f_path;
	struct inode *f_inode;
	unsigned int f_flags, f_mode;
	long long f_pos;
	void *private_data;
	void *f_mapping;
};

struct inode {
	unsigned short i_mode;
	unsigned int i_flags;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	unsigned long long i_blocks;
	void *i_private;
};

struct dentry {
	unsigned int d_flags;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
	void *d_fsdata;
	unsigned long d_time;
};

struct super_block {
	__u32 s_dev;
	unsigned char s_blocksize_bits;
	unsigned long s_blocksize, s_flags, s_magic;
	struct dentry *s_root;
	void *s_fs_info;
};

struct cred {
	unsigned int securebits;
	struct user_struct *user;
	struct user_namespace *user_ns;
	struct group_info *group_info;
	struct {
		unsigned int val;
	} uid, gid, euid;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
	struct pid_namespace *pid_ns_for_children;
	struct net *net_ns;
	struct time_namespace *time_ns;
	struct cgroup_namespace *cgroup_ns;
};

struct pid_namespace {
	unsigned int pid_allocated, level;
	struct task_struct *child_reaper;
	struct pid_namespace *parent;
	struct user_namespace *user_ns;
	struct ucounts *ucounts;
	int reboot;
};

struct sk_buff {
	struct sk_buff *next, *prev;
	struct sock *sk;
	unsigned int len, data_len;
	unsigned char *head, *data;
};

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_state;
	int skc_bound_dev_if;
	__u32 skc_daddr, skc_rcv_saddr;
	__u16 skc_dport, skc_num;
};

struct sock {
	struct sock_common __sk_common;
	int sk_rcvbuf, sk_sndbuf, sk_err;
	unsigned short sk_type, sk_protocol;
	struct socket *sk_socket;
};

struct tcp_sock {
	__u32 snd_nxt, snd_una, rcv_nxt, copied_seq, write_seq, snd_cwnd, srtt_us;
};

struct net_device {
	char name[16];
	int ifindex;
	unsigned int mtu, flags;
	unsigned short type;
	unsigned char addr_len;
	void *netdev_ops;
};

struct net {
	unsigned int ifindex;
	struct user_namespace *user_ns;
	struct net_device *loopback_dev;
	void *proc_net;
	struct list_head dev_base_head;
	struct list_head list;
	struct sock *genl_sock;
};

struct vm_area_struct {
	unsigned long vm_start, vm_end, vm_pgoff;
	struct mm_struct *vm_mm;
	struct file *vm_file;
	void *vm_ops, *vm_private_data;
};

struct linux_binprm {
	struct mm_struct *mm;
	struct file *file;
	int argc, envc;
	const char *filename, *interp;
	unsigned long p;
};

struct cgroup {
	unsigned long flags;
	int level, max_depth, nr_descendants, max_descendants;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct kernfs_node {
	const char *name;
	__u64 id;
	unsigned short flags, mode;
	void *priv;
	const void *ns;
	unsigned int hash;
};

struct user_namespace {
	struct user_namespace *parent;
	int level;
	unsigned long flags;
	_Bool parent_could_setfcap;
	struct ucounts *ucounts;
	struct list_head keyring_name_list;
	struct cred *never;
};

struct request {
	unsigned int cmd_flags, __data_len;
	int tag, internal_tag;
	void *q, *bio;
	__u64 start_time_ns;
};

#pragma clang attribute pop

any sum;

// Reads a member of the first argument's type at a fixed address; what comes out does not matter.
#define READ(type, member)                                                                         \
	({                                                                                         \
		any value = 0;                                                                     \
		bpf_probe_read_kernel(&value, 1, &((struct type *)at)->member);                    \
		sum += value;                                                                      \
	})
#define READ7(type, a, b, c, d, e, f, g)                                                           \
	READ(type, a), READ(type, b), READ(type, c), READ(type, d), READ(type, e), READ(type, f),  \
		READ(type, g)

SEC("raw_tp/sys_enter")
int heavy(void *ctx)
{
	void *at = (void *)bpf_get_current_task();

	READ7(task_struct, flags, prio, pid, tgid, mm, real_parent, files);
	READ7(mm_struct, mmap_base, task_size, total_vm, start_code, start_brk, start_stack, arg_start);
	READ7(signal_struct, nr_threads, group_exit_code, flags, nvcsw, maxrss, utime, stime);
	READ7(files_struct, fdt, next_fd, close_on_exec_init[0], open_fds_init[0],
	      full_fds_bits_init[0], fd_array[3], resize_in_progress);
	READ7(fdtable, max_fds, fd, close_on_exec, open_fds, full_fds_bits, fd, max_fds);
	READ7(file, f_path.dentry, f_inode, f_flags, f_mode, f_pos, private_data, f_mapping);
	READ7(inode, i_mode, i_flags, i_sb, i_ino, i_nlink, i_blocks, i_private);
	READ7(dentry, d_flags, d_parent, d_name.name, d_inode, d_sb, d_fsdata, d_time);
	READ7(super_block, s_dev, s_blocksize_bits, s_blocksize, s_flags, s_magic, s_root, s_fs_info);
	READ7(cred, securebits, user, user_ns, group_info, uid.val, gid.val, euid.val);
	READ7(nsproxy, uts_ns, ipc_ns, mnt_ns, pid_ns_for_children, net_ns, time_ns, cgroup_ns);
	READ7(pid_namespace, pid_allocated, level, child_reaper, parent, user_ns, ucounts, reboot);
	READ7(sk_buff, next, prev, sk, len, data_len, head, data);
	READ7(sock_common, skc_family, skc_state, skc_bound_dev_if, skc_daddr, skc_rcv_saddr, skc_dport,
	      skc_num);
	READ7(sock, __sk_common.skc_dport, sk_rcvbuf, sk_sndbuf, sk_err, sk_type, sk_protocol, sk_socket);
	READ7(tcp_sock, snd_nxt, snd_una, rcv_nxt, copied_seq, write_seq, snd_cwnd, srtt_us);
	READ7(net_device, name[0], ifindex, mtu, flags, type, addr_len, netdev_ops);
	READ7(net, ifindex, user_ns, loopback_dev, proc_net, dev_base_head.next, list.next, genl_sock);
	READ7(vm_area_struct, vm_start, vm_end, vm_pgoff, vm_mm, vm_file, vm_ops, vm_private_data);
	READ7(linux_binprm, mm, file, argc, envc, filename, interp, p);
	READ7(cgroup, flags, level, max_depth, nr_descendants, max_descendants, kn, root);
	READ7(kernfs_node, name, id, flags, mode, priv, ns, hash);
	READ7(request, cmd_flags, __data_len, tag, internal_tag, q, bio, start_time_ns);
	READ7(user_namespace, parent, level, flags, parent_could_setfcap, ucounts, parent, level);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
