"""BS-MARL: the routing policy, its training by QMIX, and the schemes that use it. Only training needs torch."""
