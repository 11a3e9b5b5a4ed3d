/** A module that fails when it is loaded. */
throw new TypeError('the price list is missing');
