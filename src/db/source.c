/* SPDX-License-Identifier: MIT */
/* What lives outside the engine as functions of SQL: rows, and texts made of texts. */
#include "base/alloc.h"
#include "db/db.h"
#include "db/engine.h"

static const duckdb_type column_types[] = {
    [LQ_VALUE_BOOL] = DUCKDB_TYPE_BOOLEAN,
    [LQ_VALUE_INT] = DUCKDB_TYPE_BIGINT,
    [LQ_VALUE_DOUBLE] = DUCKDB_TYPE_DOUBLE,
    [LQ_VALUE_TEXT] = DUCKDB_TYPE_VARCHAR,
};

static void on_bind(duckdb_bind_info info)
{
    const struct lq_source *source = duckdb_bind_get_extra_info(info);

    for (size_t i = 0; i < source->n_columns; i++) {
        duckdb_logical_type type =
            duckdb_create_logical_type(column_types[source->columns[i].kind]);

        duckdb_bind_add_result_column(info, source->columns[i].name, type);
        duckdb_destroy_logical_type(&type);
    }
}

static void on_init(duckdb_init_info info)
{
    const struct lq_source *source = duckdb_init_get_extra_info(info);
    struct lq_error err = { 0 };

    duckdb_init_set_max_threads(info, 1);
    if (source->rewind(source->ctx, &err) != LQ_OK)
        duckdb_init_set_error(info, err.message);
}

static void set_value(duckdb_vector vector, idx_t row, const struct lq_value *value)
{
    void *data = duckdb_vector_get_data(vector);

    switch (value->kind) {
    case LQ_VALUE_BOOL:
        ((bool *)data)[row] = value->boolean;
        return;
    case LQ_VALUE_INT:
        ((int64_t *)data)[row] = value->integer;
        return;
    case LQ_VALUE_DOUBLE:
        ((double *)data)[row] = value->real;
        return;
    case LQ_VALUE_TEXT:
        duckdb_vector_assign_string_element_len(vector, row, value->text.ptr, value->text.len);
        return;
    default:
        /* A NULL is written into the validity mask; a NULL value by reference is an internal
         * error of the engine. */
        duckdb_vector_ensure_validity_writable(vector);
        duckdb_vector_get_validity(vector)[row / 64] &= ~(UINT64_C(1) << (row % 64));
    }
}

static void on_scan(duckdb_function_info info, duckdb_data_chunk output)
{
    const struct lq_source *source = duckdb_function_get_extra_info(info);
    LQ_CLEANUP(lq_free) struct lq_value *row = lq_alloc(source->n_columns * sizeof *row);
    const idx_t capacity = duckdb_vector_size();
    struct lq_error err = { 0 };
    idx_t n_rows = 0;

    while (n_rows < capacity) {
        bool more = false;

        if (source->next(source->ctx, row, &more, &err) != LQ_OK) {
            duckdb_function_set_error(info, err.message);
            return;
        }
        if (!more)
            break;
        for (size_t i = 0; i < source->n_columns; i++)
            set_value(duckdb_data_chunk_get_vector(output, i), n_rows, &row[i]);
        n_rows++;
    }
    duckdb_data_chunk_set_size(output, n_rows);
}

enum lq_status lq_db_add_source(struct lq_db *db, const char *name, const struct lq_source *source,
                                struct lq_error *err)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_state state;

    duckdb_table_function_set_name(function, name);
    duckdb_table_function_set_extra_info(function, (void *)(uintptr_t)source, NULL);
    duckdb_table_function_set_bind(function, on_bind);
    duckdb_table_function_set_init(function, on_init);
    duckdb_table_function_set_function(function, on_scan);
    state = duckdb_register_table_function(db->connection, function);
    duckdb_destroy_table_function(&function);
    if (state)
        return lq_error_set(err, LQ_SQL, "cannot register the table function '%s'", name);
    return LQ_OK;
}

/* ---- texts ---- */

/* A pointer to a function is no pointer to data in ISO C: a struct carries it. */
struct text_function {
    lq_db_text_fn *fn;
};

static void on_texts(duckdb_function_info info, duckdb_data_chunk input, duckdb_vector output)
{
    const struct text_function *function = duckdb_scalar_function_get_extra_info(info);
    duckdb_vector vector = duckdb_data_chunk_get_vector(input, 0);
    duckdb_string_t *texts = duckdb_vector_get_data(vector);
    uint64_t *validity = duckdb_vector_get_validity(vector);
    const idx_t n_rows = duckdb_data_chunk_get_size(input);
    LQ_CLEANUP(lq_buf_release) struct lq_buf out = LQ_BUF_INIT;

    for (idx_t row = 0; row < n_rows; row++) {
        const bool is_null = validity && !(validity[row / 64] >> (row % 64) & 1);

        lq_buf_clear(&out);
        function->fn(&out, is_null ? (struct lq_str){ "", 0 } : lq_db_text_of(&texts[row]));
        duckdb_vector_assign_string_element_len(output, row, lq_buf_text(&out), out.len);
    }
}

enum lq_status lq_db_add_text_function(struct lq_db *db, const char *name, lq_db_text_fn *fn,
                                       struct lq_error *err)
{
    duckdb_scalar_function function = duckdb_create_scalar_function();
    duckdb_logical_type type = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    struct text_function *extra = lq_alloc(sizeof *extra);
    duckdb_state state;

    extra->fn = fn;
    duckdb_scalar_function_set_name(function, name);
    duckdb_scalar_function_add_parameter(function, type);
    duckdb_scalar_function_set_return_type(function, type);
    duckdb_scalar_function_set_special_handling(function);
    duckdb_scalar_function_set_extra_info(function, extra, free);
    duckdb_scalar_function_set_function(function, on_texts);
    state = duckdb_register_scalar_function(db->connection, function);
    duckdb_destroy_scalar_function(&function);
    duckdb_destroy_logical_type(&type);
    if (state)
        return lq_error_set(err, LQ_SQL, "cannot register the function '%s'", name);
    return LQ_OK;
}
