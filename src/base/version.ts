/** This package's version, for services, traces and wire logs. A test compares it with package.json. */
export const VERSION = '0.1.0'
