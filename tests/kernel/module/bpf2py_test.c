// SPDX-License-Identifier: GPL-2.0
/*
 * What programs can name in a module, for the tests: a struct_ops, kernel functions, a variable
 * per CPU and a struct that nobody else has.  Linux 6.9 and newer.
 */
#include <linux/bpf.h>
#include <linux/bpf_verifier.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

struct bpf2py_test_ops {
	/* Not where the tests declare it. */
	u32 added_since;
	int (*answer)(int number);
	u32 scale;
	int (*not_needed)(int number);
	char name[16];
};

struct bpf2py_test_only {
	long first;
	int second[3];
	short third;
};

DEFINE_PER_CPU(int, bpf2py_test_counter) = 42;

static struct bpf2py_test_ops *registered;
static DEFINE_MUTEX(lock);
static struct bpf2py_test_only example = { .third = 3 };

__bpf_kfunc_start_defs();

/* What the registered struct_ops says, times its scale; -1 without one. */
__bpf_kfunc int bpf2py_test_ask(int number)
{
	int answer = -1;

	mutex_lock(&lock);
	if (registered)
		answer = registered->answer(number) * registered->scale;
	mutex_unlock(&lock);
	return answer;
}

__bpf_kfunc int bpf2py_test_third(struct bpf2py_test_only *only__nullable)
{
	return only__nullable ? only__nullable->third : example.third;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfunc_ids)
BTF_ID_FLAGS(func, bpf2py_test_ask, KF_SLEEPABLE)
BTF_ID_FLAGS(func, bpf2py_test_third)
BTF_KFUNCS_END(kfunc_ids)

static const struct btf_kfunc_id_set kfuncs = {
	.owner = THIS_MODULE,
	.set = &kfunc_ids,
};

static int answer_stub(int number)
{
	return 0;
}

static int not_needed_stub(int number)
{
	return 0;
}

static struct bpf2py_test_ops stubs = {
	.answer = answer_stub,
	.not_needed = not_needed_stub,
};

static int ops_init(struct btf *btf)
{
	return 0;
}

static bool ops_is_valid_access(int off, int size, enum bpf_access_type type,
				const struct bpf_prog *prog, struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}

static const struct bpf_func_proto *ops_func_proto(enum bpf_func_id id, const struct bpf_prog *prog)
{
	return bpf_base_func_proto(id, prog);
}

static const struct bpf_verifier_ops ops_verifier = {
	.is_valid_access = ops_is_valid_access,
	.get_func_proto = ops_func_proto,
};

static int ops_init_member(const struct btf_type *type, const struct btf_member *member,
			   void *kdata, const void *udata)
{
	const struct bpf2py_test_ops *from = udata;
	struct bpf2py_test_ops *to = kdata;

	switch (__btf_member_bit_offset(type, member) / 8) {
	case offsetof(struct bpf2py_test_ops, added_since):
		to->added_since = from->added_since;
		return 1;
	case offsetof(struct bpf2py_test_ops, scale):
		to->scale = from->scale;
		return 1;
	case offsetof(struct bpf2py_test_ops, name):
		return strscpy(to->name, from->name, sizeof(to->name)) >= 0 ? 1 : -EINVAL;
	}
	return 0;
}

static int ops_validate(void *kdata)
{
	struct bpf2py_test_ops *ops = kdata;

	return ops->answer && ops->scale ? 0 : -EINVAL;
}

static int ops_register(void *kdata, struct bpf_link *link)
{
	int result = -EEXIST;

	mutex_lock(&lock);
	if (!registered) {
		registered = kdata;
		result = 0;
	}
	mutex_unlock(&lock);
	return result;
}

static void ops_unregister(void *kdata, struct bpf_link *link)
{
	mutex_lock(&lock);
	if (registered == kdata)
		registered = NULL;
	mutex_unlock(&lock);
}

static int ops_update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	mutex_lock(&lock);
	registered = kdata;
	mutex_unlock(&lock);
	return 0;
}

static struct bpf_struct_ops operations = {
	.verifier_ops = &ops_verifier,
	.init = ops_init,
	.init_member = ops_init_member,
	.validate = ops_validate,
	.reg = ops_register,
	.unreg = ops_unregister,
	.update = ops_update,
	.cfi_stubs = &stubs,
	.name = "bpf2py_test_ops",
	.owner = THIS_MODULE,
};

static int __init bpf2py_test_init(void)
{
	int error = register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &kfuncs);

	return error ?: register_bpf_struct_ops(&operations, bpf2py_test_ops);
}

static void __exit bpf2py_test_exit(void)
{
}

module_init(bpf2py_test_init);
module_exit(bpf2py_test_exit);
MODULE_DESCRIPTION("What bpf2py's tests name in a module");
MODULE_LICENSE("GPL");
