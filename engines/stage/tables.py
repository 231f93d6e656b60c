"""Where each number lies in the flat float32 tables that the kernels read through pointers."""

from __future__ import annotations

# one primitive
PRIM_STRIDE = 40
P_POSITION = 0  # world position of the local origin
P_ROTATION = 3  # 3×3, world → local, row major
P_HALF = 12  # half extents of the local bounding box, centred on the local origin
P_RADIUS = 15  # bounding sphere
P_KIND = 16
P_MATERIAL = 17
P_PARAMS = 18  # six shape parameters
P_PROFILE = 24  # sixteen radii of a lathe, bottom to top

SPHERE, BOX, CYLINDER, TORUS, ARCH, LATHE, FLUTED, DOME = range(8)
PROFILE_POINTS = 16

# one material
MATERIAL_STRIDE = 12
M_COLOUR = 0  # linear RGB
M_ROUGH = 3  # GGX alpha
M_METAL = 4
M_SPECULAR = 5  # reflectance at normal incidence
M_GLASS = 6  # 0 opaque, 1 thin pane, 2 solid
M_GRAIN = 7  # amplitude of the albedo noise
M_GRAIN_SCALE = 8

# one light
LIGHT_STRIDE = 20
L_CENTRE = 0
L_U = 3  # unit axes of the rectangle
L_V = 6
L_HALF_U = 9
L_HALF_V = 10
L_RADIANCE = 11
L_NORMAL = 14
L_FOLLOW = 17  # 0 stands still … 1 keeps pace with the lit point along x (even light over any width)
L_GOBO = 18

# the view, the backdrop and everything there is one of
GLOBAL_COUNT = 96
G_EYE = 0
G_RIGHT = 3
G_UP = 6
G_FORWARD = 9
G_WINDOW = 12  # left, right, bottom, top at unit distance
G_APERTURE = 16
G_FOCUS = 17
G_FLOOR = 18
G_WALL = 19
G_CURVE = 20
G_FLOOR_MATERIAL = 21
G_WALL_MATERIAL = 22
G_PRIMS = 23
G_LIGHTS = 24
G_SKY_WARM = 25
G_SKY_COOL = 28
G_SKY_AXIS = 31
G_PRODUCT = 34  # 1 if there is one
G_PRODUCT_LOW = 35
G_PRODUCT_HIGH = 38
G_PRODUCT_WINDOW = 41  # left, right, bottom, top at unit distance
G_PRODUCT_GRID = 45  # columns, rows
G_PRODUCT_LIGHT = 47  # radiance of a white product
G_GOBO_SIZE = 48  # texture edge in texels; 0 for none
G_GOBO_SCALE = 49  # texels a world unit
G_GOBO_OFFSET = 50
G_GOBO_STRENGTH = 52
G_GOBO_U = 53
G_GOBO_V = 56
G_CALM_COUNT = 59
G_CALM = 60  # up to six rectangles: left, top, right, bottom in fractions

CALM_MAX = 6
GRID_STRIDE = 5  # front depth, back depth, red, green, blue

ID_NOTHING, ID_PRODUCT, ID_FLOOR, ID_WALL, ID_FIRST_PRIM = -1, -2, 0, 1, 2
