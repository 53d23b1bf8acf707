-- The builder writes the classes of tens of thousands of texts at once on the first night: until it has
-- statistics of them, the planner joins them row by row.
grant maintain on table voice.classes to moshtari_builder;
