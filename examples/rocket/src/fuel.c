#include "rocket.h"
#include <math.h>

/* Tsiolkovsky's equation. */
double delta_v(const struct stage *stage, double payload_kg)
{
    double full = stage->dry_mass_kg + stage->fuel_kg + payload_kg;
    double empty = stage->dry_mass + payload_kg;

    return stage->exhaust_m_s * log(full / empty);
}
