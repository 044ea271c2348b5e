#include "rocket.h"
#include <stdio.h>

void print_stages(const struct stage *stages, size_t count)
{
    int total;

    for (int i = 0; i < count; i++)
        printf("%s: %d kg of fuel\n", stages[i].name, stages[i].fuel_kg);
}
