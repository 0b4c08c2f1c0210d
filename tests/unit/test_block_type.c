/*
 * tests/unit/test_block_type.c - the type that an allocating function tells by
 * its name, and mangled names of types.
 */
#include <check.h>
#include <stdlib.h>

#include "export/block_type.h"
#include "suite.h"
#include "symbols/names.h"

static const struct { const char *function, *type; } told[] = {
    /* one object */
    { "std::shared_ptr<abc::Foo> std::make_shared<abc::Foo, int>(int&&)", "abc::Foo" },
    { "std::make_shared<Foo>()", "Foo" },
    { "std::shared_ptr<std::enable_if<!std::is_array<Foo>::value, Foo>::type> std::make_shared<Foo, int&>(int&)", "Foo" },
    { "std::_MakeUniq<Foo>::__single_object std::make_unique<Foo, int>(int&&)", "Foo" },
    { "std::__detail::__unique_ptr_t<Foo> std::make_unique<Foo>()", "Foo" },
    { "std::shared_ptr<Foo> std::allocate_shared<Foo, std::allocator<void>, int>(std::allocator<void> const&, int&&)", "Foo" },
    /* allocators: arrays, and nodes that come one by one */
    { "__gnu_cxx::new_allocator<Foo>::allocate(unsigned long, void const*)", "Foo[]" },
    { "std::__new_allocator<int*>::allocate(unsigned long, void const*)", "int*[]" },
    { "std::allocator_traits<std::allocator<Foo> >::allocate(std::allocator<Foo>&, unsigned long)", "Foo[]" },
    { "std::__new_allocator<std::_Sp_counted_ptr_inplace<Foo, std::allocator<void>, (__gnu_cxx::_Lock_policy)2> >::allocate(unsigned long, void const*)", "Foo" },
    { "__gnu_cxx::new_allocator<std::_List_node<std::pair<int, Foo> > >::allocate(unsigned long, void const*)", "std::_List_node<std::pair<int, Foo> >" },
    { "std::__new_allocator<std::__detail::_Hash_node<Foo, false> >::allocate(unsigned long, void const*)", "std::__detail::_Hash_node<Foo, false>" },
    /* containers */
    { "void std::vector<Foo, std::allocator<Foo> >::_M_realloc_insert<Foo const&>(__gnu_cxx::__normal_iterator<Foo*, std::vector<Foo, std::allocator<Foo> > >, Foo const&)", "Foo[]" },
    { "std::_Vector_base<std::map<int, int>, std::allocator<std::map<int, int> > >::_M_allocate(unsigned long)", "std::map<int, int>[]" },
    { "std::vector<std::function<void (int, char)>, std::allocator<std::function<void (int, char)> > >::reserve(unsigned long)", "std::function<void (int, char)>[]" },
    { "std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::_M_create(unsigned long&, unsigned long)", "char[]" },
    { "std::pair<std::_Rb_tree_iterator<std::pair<int const, Foo> >, bool> std::_Rb_tree<int, std::pair<int const, Foo>, std::_Select1st<std::pair<int const, Foo> >, std::less<int>, std::allocator<std::pair<int const, Foo> > >::_M_emplace_unique<int, Foo>(int&&, Foo&&)", "std::_Rb_tree_node<std::pair<int const, Foo> >" },
    { "std::__1::vector<Foo, std::__1::allocator<Foo> >::__push_back_slow_path<Foo>(Foo&&)", "Foo[]" },
    /* Rust */
    { "<alloc::boxed::Box<app::Tree>>::new", "app::Tree" },
    { "<alloc::sync::Arc<alloc::vec::Vec<u8>>>::new", "alloc::vec::Vec<u8>" },
    { "<alloc::raw_vec::RawVec<(u32, app::Key)>>::grow_one", "(u32, app::Key)[]" },
    { "<alloc::vec::Vec<app::Row>>::with_capacity", "app::Row[]" },
    { "alloc::boxed::Box<dyn core::ops::function::Fn() -> i32>::new", "dyn core::ops::function::Fn() -> i32" },
    /* nothing is told */
    { "alloc::boxed::Box<T>::new", NULL },
    { "alloc::raw_vec::RawVec<T,A>::grow_amortized", NULL },
    { "main", NULL }, { "", NULL }, { "<", NULL }, { "std::vector<", NULL }, { "std::vector<Foo", NULL }, { "std::make_shared<>", NULL },
    { "make_shared<Foo>(int)", NULL },
    { "mystd::vector<Foo>::grow(int)", NULL },
    { "use(std::vector<Foo, std::allocator<Foo> > const&)", NULL },
    { "Widget::build(std::make_shared<Foo>())", NULL },
    { "std::vector<Foo, std::allocator<Foo> > make<Foo>(int)", NULL },
    { "std::map<int, Foo>::operator[](int const&)", NULL },
    { "__gnu_cxx::new_allocator<Foo>::deallocate(Foo*, unsigned long)", NULL },
};

START_TEST(functions)
{
    char *type = block_type_of_function(told[_i].function);
    ck_assert_msg(type == told[_i].type || (type && told[_i].type && !strcmp(type, told[_i].type)), "%s: %s, not %s",
                  told[_i].function, type ? type : "nothing", told[_i].type ? told[_i].type : "nothing");
    free(type);
}
END_TEST

START_TEST(mangled)
{
    struct names *n = names_new();
    ck_assert_str_eq(block_type_demangle(n, "3Foo"), "Foo");
    ck_assert_str_eq(block_type_demangle(n, "N3abc3FooE"), "abc::Foo");
    ck_assert_str_eq(block_type_demangle(n, "St6vectorI3FooSaIS0_EE"), "std::vector<Foo, std::allocator<Foo> >");
    ck_assert_ptr_null(block_type_demangle(n, ""));
    ck_assert_ptr_null(block_type_demangle(n, "99Foo"));
    ck_assert_ptr_null(block_type_demangle(n, "no type"));
    names_free(n);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_type");
    TCase *t = tcase_create("types");
    tcase_add_loop_test(t, functions, 0, sizeof told / sizeof *told);
    tcase_add_test(t, mangled);
    suite_add_tcase(suite, t);
    return suite_run(suite);
}
