/* SPDX-License-Identifier: MIT */
/*
 * libduckdb, opened at run time. Files of this room include this header in place of duckdb.h and
 * call the functions by their own names.
 */
#ifndef LQ_DB_LIBRARY_H
#define LQ_DB_LIBRARY_H

#include <duckdb.h>

/* Every function of libduckdb that lq calls. */
/* clang-format off */
#define LQ_DUCKDB_FUNCTIONS(X) \
    X(duckdb_bind_add_result_column) \
    X(duckdb_bind_boolean) \
    X(duckdb_bind_double) \
    X(duckdb_bind_get_extra_info) \
    X(duckdb_bind_int64) \
    X(duckdb_bind_null) \
    X(duckdb_bind_timestamp_tz) \
    X(duckdb_bind_value) \
    X(duckdb_bind_varchar_length) \
    X(duckdb_close) \
    X(duckdb_column_count) \
    X(duckdb_column_name) \
    X(duckdb_column_type) \
    X(duckdb_connect) \
    X(duckdb_create_config) \
    X(duckdb_create_logical_type) \
    X(duckdb_create_map_type) \
    X(duckdb_create_map_value) \
    X(duckdb_create_scalar_function) \
    X(duckdb_create_table_function) \
    X(duckdb_create_varchar) \
    X(duckdb_data_chunk_get_size) \
    X(duckdb_data_chunk_get_vector) \
    X(duckdb_data_chunk_set_size) \
    X(duckdb_destroy_config) \
    X(duckdb_destroy_data_chunk) \
    X(duckdb_destroy_logical_type) \
    X(duckdb_destroy_prepare) \
    X(duckdb_destroy_result) \
    X(duckdb_destroy_scalar_function) \
    X(duckdb_destroy_table_function) \
    X(duckdb_destroy_value) \
    X(duckdb_disconnect) \
    X(duckdb_execute_prepared) \
    X(duckdb_execute_prepared_streaming) \
    X(duckdb_fetch_chunk) \
    X(duckdb_free) \
    X(duckdb_function_get_extra_info) \
    X(duckdb_function_set_error) \
    X(duckdb_init_get_extra_info) \
    X(duckdb_init_set_error) \
    X(duckdb_init_set_max_threads) \
    X(duckdb_interrupt) \
    X(duckdb_logical_type_get_alias) \
    X(duckdb_nparams) \
    X(duckdb_open_ext) \
    X(duckdb_prepare) \
    X(duckdb_prepare_error) \
    X(duckdb_prepared_statement_column_count) \
    X(duckdb_prepared_statement_column_logical_type) \
    X(duckdb_prepared_statement_column_name) \
    X(duckdb_prepared_statement_column_type) \
    X(duckdb_prepared_statement_type) \
    X(duckdb_query) \
    X(duckdb_register_scalar_function) \
    X(duckdb_register_table_function) \
    X(duckdb_result_error) \
    X(duckdb_scalar_function_add_parameter) \
    X(duckdb_scalar_function_get_extra_info) \
    X(duckdb_scalar_function_set_extra_info) \
    X(duckdb_scalar_function_set_function) \
    X(duckdb_scalar_function_set_name) \
    X(duckdb_scalar_function_set_return_type) \
    X(duckdb_scalar_function_set_special_handling) \
    X(duckdb_set_config) \
    X(duckdb_string_is_inlined) \
    X(duckdb_table_function_set_bind) \
    X(duckdb_table_function_set_extra_info) \
    X(duckdb_table_function_set_function) \
    X(duckdb_table_function_set_init) \
    X(duckdb_table_function_set_name) \
    X(duckdb_vector_assign_string_element_len) \
    X(duckdb_vector_ensure_validity_writable) \
    X(duckdb_vector_get_data) \
    X(duckdb_vector_get_validity) \
    X(duckdb_vector_size)
/* clang-format on */

struct lq_duckdb {
#define LQ_DUCKDB_MEMBER(name) __typeof__(&name) name##_;
    LQ_DUCKDB_FUNCTIONS(LQ_DUCKDB_MEMBER)
#undef LQ_DUCKDB_MEMBER
};

/* Filled by lq_db_load(). */
extern struct lq_duckdb lq_duckdb;

/* Where extensions lie: beside the libduckdb that lq brings. The caller's. */
char *lq_db_extension_folder(void);

#ifndef LQ_DB_LIBRARY_IMPLEMENTATION
#define duckdb_bind_add_result_column lq_duckdb.duckdb_bind_add_result_column_
#define duckdb_bind_boolean lq_duckdb.duckdb_bind_boolean_
#define duckdb_bind_double lq_duckdb.duckdb_bind_double_
#define duckdb_bind_get_extra_info lq_duckdb.duckdb_bind_get_extra_info_
#define duckdb_bind_int64 lq_duckdb.duckdb_bind_int64_
#define duckdb_bind_null lq_duckdb.duckdb_bind_null_
#define duckdb_bind_timestamp_tz lq_duckdb.duckdb_bind_timestamp_tz_
#define duckdb_bind_value lq_duckdb.duckdb_bind_value_
#define duckdb_bind_varchar_length lq_duckdb.duckdb_bind_varchar_length_
#define duckdb_close lq_duckdb.duckdb_close_
#define duckdb_column_count lq_duckdb.duckdb_column_count_
#define duckdb_column_name lq_duckdb.duckdb_column_name_
#define duckdb_column_type lq_duckdb.duckdb_column_type_
#define duckdb_connect lq_duckdb.duckdb_connect_
#define duckdb_create_config lq_duckdb.duckdb_create_config_
#define duckdb_create_logical_type lq_duckdb.duckdb_create_logical_type_
#define duckdb_create_map_type lq_duckdb.duckdb_create_map_type_
#define duckdb_create_map_value lq_duckdb.duckdb_create_map_value_
#define duckdb_create_scalar_function lq_duckdb.duckdb_create_scalar_function_
#define duckdb_create_table_function lq_duckdb.duckdb_create_table_function_
#define duckdb_create_varchar lq_duckdb.duckdb_create_varchar_
#define duckdb_data_chunk_get_size lq_duckdb.duckdb_data_chunk_get_size_
#define duckdb_data_chunk_get_vector lq_duckdb.duckdb_data_chunk_get_vector_
#define duckdb_data_chunk_set_size lq_duckdb.duckdb_data_chunk_set_size_
#define duckdb_destroy_config lq_duckdb.duckdb_destroy_config_
#define duckdb_destroy_data_chunk lq_duckdb.duckdb_destroy_data_chunk_
#define duckdb_destroy_logical_type lq_duckdb.duckdb_destroy_logical_type_
#define duckdb_destroy_prepare lq_duckdb.duckdb_destroy_prepare_
#define duckdb_destroy_result lq_duckdb.duckdb_destroy_result_
#define duckdb_destroy_scalar_function lq_duckdb.duckdb_destroy_scalar_function_
#define duckdb_destroy_table_function lq_duckdb.duckdb_destroy_table_function_
#define duckdb_destroy_value lq_duckdb.duckdb_destroy_value_
#define duckdb_disconnect lq_duckdb.duckdb_disconnect_
#define duckdb_execute_prepared lq_duckdb.duckdb_execute_prepared_
#define duckdb_execute_prepared_streaming lq_duckdb.duckdb_execute_prepared_streaming_
#define duckdb_fetch_chunk lq_duckdb.duckdb_fetch_chunk_
#define duckdb_free lq_duckdb.duckdb_free_
#define duckdb_function_get_extra_info lq_duckdb.duckdb_function_get_extra_info_
#define duckdb_function_set_error lq_duckdb.duckdb_function_set_error_
#define duckdb_init_get_extra_info lq_duckdb.duckdb_init_get_extra_info_
#define duckdb_init_set_error lq_duckdb.duckdb_init_set_error_
#define duckdb_init_set_max_threads lq_duckdb.duckdb_init_set_max_threads_
#define duckdb_interrupt lq_duckdb.duckdb_interrupt_
#define duckdb_logical_type_get_alias lq_duckdb.duckdb_logical_type_get_alias_
#define duckdb_nparams lq_duckdb.duckdb_nparams_
#define duckdb_open_ext lq_duckdb.duckdb_open_ext_
#define duckdb_prepare lq_duckdb.duckdb_prepare_
#define duckdb_prepare_error lq_duckdb.duckdb_prepare_error_
#define duckdb_prepared_statement_column_count lq_duckdb.duckdb_prepared_statement_column_count_
#define duckdb_prepared_statement_column_logical_type                                              \
    lq_duckdb.duckdb_prepared_statement_column_logical_type_
#define duckdb_prepared_statement_column_name lq_duckdb.duckdb_prepared_statement_column_name_
#define duckdb_prepared_statement_column_type lq_duckdb.duckdb_prepared_statement_column_type_
#define duckdb_prepared_statement_type lq_duckdb.duckdb_prepared_statement_type_
#define duckdb_query lq_duckdb.duckdb_query_
#define duckdb_register_scalar_function lq_duckdb.duckdb_register_scalar_function_
#define duckdb_register_table_function lq_duckdb.duckdb_register_table_function_
#define duckdb_result_error lq_duckdb.duckdb_result_error_
#define duckdb_scalar_function_add_parameter lq_duckdb.duckdb_scalar_function_add_parameter_
#define duckdb_scalar_function_get_extra_info lq_duckdb.duckdb_scalar_function_get_extra_info_
#define duckdb_scalar_function_set_extra_info lq_duckdb.duckdb_scalar_function_set_extra_info_
#define duckdb_scalar_function_set_function lq_duckdb.duckdb_scalar_function_set_function_
#define duckdb_scalar_function_set_name lq_duckdb.duckdb_scalar_function_set_name_
#define duckdb_scalar_function_set_return_type lq_duckdb.duckdb_scalar_function_set_return_type_
#define duckdb_scalar_function_set_special_handling                                                \
    lq_duckdb.duckdb_scalar_function_set_special_handling_
#define duckdb_set_config lq_duckdb.duckdb_set_config_
#define duckdb_string_is_inlined lq_duckdb.duckdb_string_is_inlined_
#define duckdb_table_function_set_bind lq_duckdb.duckdb_table_function_set_bind_
#define duckdb_table_function_set_extra_info lq_duckdb.duckdb_table_function_set_extra_info_
#define duckdb_table_function_set_function lq_duckdb.duckdb_table_function_set_function_
#define duckdb_table_function_set_init lq_duckdb.duckdb_table_function_set_init_
#define duckdb_table_function_set_name lq_duckdb.duckdb_table_function_set_name_
#define duckdb_vector_assign_string_element_len lq_duckdb.duckdb_vector_assign_string_element_len_
#define duckdb_vector_ensure_validity_writable lq_duckdb.duckdb_vector_ensure_validity_writable_
#define duckdb_vector_get_data lq_duckdb.duckdb_vector_get_data_
#define duckdb_vector_get_validity lq_duckdb.duckdb_vector_get_validity_
#define duckdb_vector_size lq_duckdb.duckdb_vector_size_
#endif

#endif
