/* A rocket is a stack of stages that burn fuel, lowest first. */
#ifndef ROCKET_H
#define ROCKET_H

#include <stddef.h>

struct stage {
    const char *name;
    double dry_mass_kg, fuel_kg, exhaust_m_s;
};

double delta_v(const struct stage *stage, double payload_kg);
double burn_time_s(const struct stage *stage, double flow_kg_s);
void print_stages(const struct stage *stages, size_t count);

#endif
