# Only for the example image: a product has a system.conf and keys of its own.
require ${@bb.utils.contains('DISTRO_FEATURES', 'telhub', 'telhub-rauc-conf.inc', '', d)}
