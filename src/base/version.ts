/** This package's version: what services, traces and wire logs are told. A test holds it to package.json. */
export const VERSION = '0.1.0'
